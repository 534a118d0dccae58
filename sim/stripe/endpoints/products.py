"""Requests about products."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.account import CATALOGUE
from sim.stripe.catalogue import OF_PRODUCT, make_price, make_product
from sim.stripe.context import Context
from sim.stripe.errors import invalid_request
from sim.stripe.listing import CREATED, PAGING, page
from sim.stripe.price import Price
from sim.stripe.product import Product

_EXPAND: Final[parameters.Specification] = {"expand": parameters.listed(parameters.text)}
_TAX: Final = parameters.clearable(
    parameters.nested({"performance_location": parameters.text, "tax_code": parameters.clearable(parameters.text)})
)
_SHARED: Final[parameters.Specification] = {
    "active": parameters.boolean,
    "description": parameters.clearable(parameters.text),
    "images": parameters.clearable(parameters.listed(parameters.text)),
    "marketing_features": parameters.clearable(parameters.listed(parameters.nested({"name": parameters.text}))),
    "metadata": parameters.metadata,
    "name": parameters.text,
    "package_dimensions": parameters.clearable(
        parameters.nested(dict.fromkeys(("height", "length", "weight", "width"), parameters.number))
    ),
    "shippable": parameters.boolean,
    "statement_descriptor": parameters.text,
    "tax_code": parameters.clearable(parameters.text),
    "tax_details": _TAX,
    "unit_label": parameters.clearable(parameters.text),
    "url": parameters.clearable(parameters.text),
    **_EXPAND,
}
CREATE: Final[parameters.Specification] = {
    **_SHARED,
    "id": parameters.text,
    "type": parameters.choice("good", "service"),
    "default_price_data": parameters.nested(OF_PRODUCT),
}
UPDATE: Final[parameters.Specification] = {**_SHARED, "default_price": parameters.clearable(parameters.text)}
LIST: Final[parameters.Specification] = {
    **PAGING,
    "active": parameters.boolean,
    **CREATED,
    "ids": parameters.listed(parameters.text),
    "shippable": parameters.boolean,
    "type": parameters.choice("good", "service"),
    "url": parameters.text,
}


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    product = make_product(context, values)
    product.emit(context, "created")
    if "default_price_data" in values:
        price = make_price(context, product, values["default_price_data"])
        price.emit(context, "created")
        product.default_price = price
    return product.render()


def retrieve(context: Context, values: Mapping[str, Any], product_id: str) -> dict[str, Any]:
    return context.ledger.get(Product, product_id).render()


def update(context: Context, values: Mapping[str, Any], product_id: str) -> dict[str, Any]:
    product = _living(context, product_id)
    before = product.render()
    if values.get("default_price"):
        price = context.ledger.given(Price, values["default_price"], "default_price")
        if price.product is not product:
            raise invalid_request(
                f"The price {price.id} belongs to another product ({price.product.id}).", param="default_price"
            )
        product.default_price = price
    elif "default_price" in values:
        product.default_price = None
    if "metadata" in values:
        values = {**values, "metadata": parameters.merged(product.fields["metadata"], values["metadata"])}
    product.set(values)
    product.updated = context.now_s
    body = product.render()
    changed = {name: value for name, value in before.items() if body[name] != value}
    if changed:
        product.emit(context, "updated", changed)
    return body


def delete(context: Context, values: Mapping[str, Any], product_id: str) -> dict[str, Any]:
    product = _living(context, product_id)
    account = context.ledger.account(CATALOGUE)
    if any(price.product is product for price in account.of(Price)):
        raise invalid_request(
            "This product cannot be deleted because it has one or more user-created prices.", kept=True
        )
    product.emit(context, "deleted")
    product.deleted = True
    del account.objects[product.id]
    context.ledger.named.pop(product.id, None)
    return product.render()


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    products = context.ledger.account(CATALOGUE).of(Product)
    return page(products, values, "/v1/products", where=partial(_is_listed, values))


def _is_listed(values: Mapping[str, Any], product: Product) -> bool:
    return (
        ("ids" not in values or product.id in values["ids"])
        and values.get("type") in (None, product.type)
        and all(values.get(name) in (None, product.fields[name]) for name in ("active", "shippable", "url"))
    )


def _living(context: Context, product_id: str) -> Product:
    product = context.ledger.get(Product, product_id)
    context.account = context.ledger.account(CATALOGUE)
    return product
