"""Products: what the merchant sells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sim.stripe.account import CATALOGUE

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.price import Price

SETTABLE: Final = (
    "active",
    "description",
    "images",
    "marketing_features",
    "metadata",
    "name",
    "package_dimensions",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "tax_details",
    "unit_label",
    "url",
)
_UNSET: Final[Mapping[str, Any]] = {
    **dict.fromkeys(SETTABLE),
    "active": True,
    "images": [],
    "marketing_features": [],
    "metadata": {},
}


class Product:
    """One product. `fields` are those that the merchant sets; a deleted product is out of the catalogue."""

    __slots__ = ("id", "created", "updated", "type", "fields", "default_price", "deleted")
    spoken_name: ClassVar = "product"

    def __init__(self, product_id: str, created: int, kind: str = "service") -> None:
        self.id = product_id
        self.created = created
        self.updated = created
        self.type = kind
        self.fields: dict[str, Any] = {**_UNSET}
        self.default_price: Price | None = None
        self.deleted = False

    @property
    def name(self) -> str:
        name: str = self.fields["name"]
        return name

    def set(self, values: Mapping[str, Any]) -> None:
        """Take those of the values that are fields of a product; an empty text unsets one."""
        fields = {name: values[name] for name in SETTABLE if name in values}
        self.fields = {**self.fields, **{name: _UNSET[name] if item == "" else item for name, item in fields.items()}}

    def render(self) -> dict[str, Any]:
        if self.deleted:
            return {"id": self.id, "object": "product", "deleted": True}
        return {
            "id": self.id,
            "object": "product",
            "created": self.created,
            "default_price": self.default_price.id if self.default_price else None,
            "livemode": False,
            "type": self.type,
            "updated": self.updated,
            **self.fields,
        }

    def emit(self, context: Context, change: str, previous: Mapping[str, Any] | None = None) -> None:
        context.emit(context.ledger.account(CATALOGUE), f"product.{change}", self.id, self.render(), previous)
