"""An invoice as a PDF of one page: the smallest file that every reader opens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.store import Account


def invoice_pdf(account: Account, invoice: Mapping[str, Any]) -> bytes:
    """The document. Text that Latin-1 cannot hold is shown as question marks."""
    units, minor = divmod(invoice["amount"], 100)
    lines = [
        f"Invoice {invoice['number']}",
        f"Account {account.id}   {account.profile['name']}",
        f"Date {invoice['created_on']}",
        f"Amount {units}.{minor:02d} {invoice['currency'].upper()}",
        f"Status {invoice['label']}",
        f"Subscriptions {', '.join(invoice['subscription_ids']) or '-'}",
    ]
    text = "BT /F1 12 Tf 72 770 Td 18 TL " + " ".join(f"({_escaped(line)}) Tj T*" for line in lines) + " ET"
    content = text.encode("latin-1", "replace")
    return _document(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        ]
    )


def _escaped(line: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in line)
    return printable.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _document(objects: list[bytes]) -> bytes:
    """Objects 1, 2 … with the cross-reference table that says where each begins."""
    document = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table_at = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        document += b"%010d 00000 n \n" % offset
    document += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table_at)
    return bytes(document)
