"""JSON Schemas of Stripe's resources, derived from the typed classes of the official SDK.

The SDK's classes are generated from Stripe's OpenAPI description, so their annotations say of every field whether it
must be there, of what type it is, and which words it may hold. Stricter than the SDK on purpose: `Union[Literal[…],
str]` means those words only, and a field that the SDK does not know is a mistake.

    problems({"object": "customer", …})      what is wrong with an object, a list, a deleted object or an event
    error_problems({"type": "card_error", …})  what is wrong with the `error` of a refusal
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import import_module
from inspect import get_annotations
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, Final, ForwardRef, Literal, NotRequired, Union, get_args, get_origin

import jsonschema_rs
from stripe import ErrorObject, ListObject, StripeObject
from stripe._object_classes import OBJECT_CLASSES
from stripe._stripe_object import UntypedStripeObject

Schema = dict[str, Any]

WORDS_IN_PROSE: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("balance_transaction", "status"): ("available", "pending"),
    ("refund", "status"): ("pending", "requires_action", "succeeded", "failed", "canceled"),
    ("setup_attempt", "status"): (
        "requires_confirmation",
        "requires_action",
        "processing",
        "succeeded",
        "failed",
        "abandoned",
    ),
    ("setup_attempt", "usage"): ("on_session", "off_session"),
    ("setup_intent", "usage"): ("on_session", "off_session"),
    ("webhook_endpoint", "status"): ("enabled", "disabled"),
}
"""Words of fields that the SDK types as any text and lists in their description."""

_PRIMITIVES: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Decimal: {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    NoneType: {"type": "null"},
    Any: {},
    object: {},
}


def problems(body: Any, *, published: bool = False) -> list[str]:
    """What the SDK's types say against an answer; empty if nothing.

    The schema is the one that `object` names. Members of lists and the object in an event are judged by their own.
    `published` is for what a browser is shown, where fields may be hidden.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("object"), str):
        return [f"no `object` tells what it is: {str(body)[:200]}"]
    name = body["object"]
    if name == "list":
        return _list_problems(body, published)
    if name not in OBJECT_CLASSES:
        return [f"the SDK knows no object {name!r}"]
    found = [f"{name} {body.get('id')}: {text}" for text in _violations(_validator(name, published), body)]
    if name == "event":
        found += [f"event {body['type']}: {text}" for text in problems(body["data"]["object"])]
    return found


def error_problems(error: Any, *, published: bool = False) -> list[str]:
    """What the SDK's types say against the `error` of a refusal."""
    return [f"error: {text}" for text in _violations(_error_validator(published), error)]


@cache
def resource_schema(name: str) -> Schema:
    """The complete schema of the objects whose `object` is `name`, with all definitions that it needs."""
    return _document(_resource_class(name))


def _list_problems(body: Mapping[str, Any], published: bool) -> list[str]:
    found = [f"list: unknown field {name!r}" for name in body.keys() - {"object", "data", "has_more", "url"}]
    if not isinstance(body.get("data"), list):
        return [*found, "list: data is no array"]
    if not isinstance(body.get("has_more"), bool):
        found.append("list: has_more is no boolean")
    if not str(body.get("url")).startswith("/v1/"):
        found.append(f"list: url is no path: {body.get('url')!r}")
    for item in body["data"]:
        found += problems(item, published=published)
    return found


def _violations(validator: jsonschema_rs.Validator, body: Any) -> list[str]:
    if validator.is_valid(body):
        return []
    causes = [cause for error in validator.iter_errors(body) for cause in _causes(error)]
    return [f"{'.'.join(map(str, cause.instance_path)) or 'itself'}: {cause.message[-300:]}" for cause in causes]


def _causes(error: jsonschema_rs.ValidationError) -> list[jsonschema_rs.ValidationError]:
    """What is wrong in the alternative that comes closest: the one that fails deepest inside the object."""
    if not isinstance(error.kind, jsonschema_rs.ValidationErrorKind.AnyOf):
        return [error]
    alternatives = [[cause for inner in branch for cause in _causes(inner)] for branch in error.kind.context]
    depth = len(error.instance_path)
    closest = [branch for branch in alternatives if any(len(cause.instance_path) > depth for cause in branch)]
    missing = [branch for branch in alternatives if all(cause.kind.name != "type" for cause in branch)]
    return (closest or missing or [[error]])[0]


@cache
def _validator(name: str, published: bool) -> jsonschema_rs.Validator:
    schema = resource_schema(name)
    return jsonschema_rs.Draft202012Validator(_with_hidden_fields(schema) if published else schema)


@cache
def _error_validator(published: bool) -> jsonschema_rs.Validator:
    schema = _document(ErrorObject)
    return jsonschema_rs.Draft202012Validator(_with_hidden_fields(schema) if published else schema)


def _with_hidden_fields(schema: Schema) -> Schema:
    """The same schema where nothing need be shown of an intent: a browser does not see all."""
    definitions = dict(schema["$defs"])
    for name in ("stripe._payment_intent.PaymentIntent", "stripe._setup_intent.SetupIntent"):
        if name in definitions:
            definitions[name] = {**definitions[name], "required": ["id", "object", "status"]}
    return {**schema, "$defs": definitions}


def _resource_class(name: str) -> type[StripeObject]:
    module, class_name = OBJECT_CLASSES[name]
    found: type[StripeObject] = getattr(import_module(module), class_name)
    return found


def _document(cls: type[StripeObject]) -> Schema:
    """`cls` and all classes that its fields lead to."""
    definitions: dict[str, Schema] = {}
    waiting = [cls]
    while waiting:
        current = waiting.pop()
        if _name(current) not in definitions:
            definitions[_name(current)] = _of_class(current, waiting)
    return {"$ref": f"#/$defs/{_name(cls)}", "$defs": definitions}


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _of_class(cls: type[StripeObject], waiting: list[type[StripeObject]]) -> Schema:
    properties: dict[str, Schema] = {}
    required = []
    remapped: Mapping[str, str] = cls._field_remappings
    for attribute, annotation in _annotations(cls).items():
        field = remapped.get(attribute, attribute)
        if get_origin(annotation) is NotRequired:
            [annotation] = get_args(annotation)
        elif NoneType not in get_args(annotation):
            required.append(field)
        properties[field] = _of_type(annotation, cls.__module__, waiting)
    for (name, field), words in WORDS_IN_PROSE.items():
        if name == getattr(cls, "OBJECT_NAME", None):
            properties[field] = {"enum": [*words, None]}
    full: Schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    if "deleted" not in properties:
        return full
    # The rest of a deleted object is gone: then it says who it was, and that it is deleted.
    del properties["deleted"]
    known = {field: properties[field] for field in ("id", "object")}
    deleted = {
        "type": "object",
        "properties": {**known, "deleted": {"const": True}},
        "required": [*known, "deleted"],
        "additionalProperties": False,
    }
    return {"if": {"type": "object", "required": ["deleted"]}, "then": deleted, "else": full}


def _annotations(cls: type[StripeObject]) -> dict[str, Any]:
    """The annotated fields of a class and of its ancestors, without what belongs to the SDK itself."""
    found: dict[str, Any] = {}
    for ancestor in reversed(cls.__mro__):
        if ancestor in StripeObject.__mro__ or not issubclass(ancestor, StripeObject):
            continue
        for name, annotation in get_annotations(ancestor).items():
            if get_origin(annotation) is not ClassVar and not name.startswith("_"):
                found[name] = annotation
    if issubclass(cls, ListObject):
        found["object"] = Literal["list"]
    return found


def _of_type(annotation: Any, module: str, waiting: list[type[StripeObject]]) -> Schema:
    annotation = _resolved(annotation, module)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Union:
        return _of_union(arguments, module, waiting)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _of_type(arguments[0], module, waiting)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(arguments[1], module, waiting)}
    if origin is ListObject:
        return _of_list(_of_type(arguments[0], module, waiting))
    if origin is UntypedStripeObject:
        return {"type": "object", "additionalProperties": _of_type(arguments[0], module, waiting)}
    if annotation in _PRIMITIVES:
        return _PRIMITIVES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, StripeObject):
        waiting.append(annotation)
        return {"$ref": f"#/$defs/{_name(annotation)}"}
    raise TypeError(f"no schema for the annotation {annotation!r} in {module}: teach sdk_schemas about it")


def _of_union(members: tuple[Any, ...], module: str, waiting: list[type[StripeObject]]) -> Schema:
    if any(get_origin(member) is Literal for member in members):
        members = tuple(member for member in members if member is not str)
    schemas = [_of_type(member, module, waiting) for member in members]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _of_list(items: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": items},
            "has_more": {"type": "boolean"},
            "url": {"type": "string"},
        },
        "required": ["object", "data", "has_more", "url"],
        "additionalProperties": False,
    }


def _resolved(annotation: Any, module: str) -> Any:
    """A name in quotation marks is the class that the module imports for its type checker only."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    home, _, attribute = _checker_imports(module).get(annotation, f"{module}:{annotation}").partition(":")
    return getattr(import_module(home), attribute)


@cache
def _checker_imports(module: str) -> Mapping[str, str]:
    """The names that a module imports under `if TYPE_CHECKING`, and where each is from, as "module:name"."""
    source = Path(sys.modules[module].__file__ or "").read_text()
    blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: f"{node.module}:{alias.name}" for node in imports for alias in node.names}
