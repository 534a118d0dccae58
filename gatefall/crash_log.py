"""Where a defect of Gatefall leaves its traceback, so that the person at the keyboard need not see it."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path
from typing import Final

FILE_NAME: Final = "crash.log"


class CrashLog:
    """Remembers in which directory a crash is to be logged: the run's own, once there is one."""

    directory: Path | None = None

    def write(self, error: BaseException, version: str) -> Path:
        """Write the traceback, and return the file; a temporary one if the directory cannot be written to.

        Secrets in it are blotted out.
        """
        from conformance.redaction import redacted

        whole = "".join(
            (
                f"gatefall {version}, Python {sys.version}\n",
                f"arguments: {sys.argv[1:]!r}\n\n",
                *traceback.format_exception(error),
            )
        )
        text = redacted(whole)
        if self.directory is not None and self.directory.is_dir():
            try:
                path = self.directory / FILE_NAME
                path.write_text(text, encoding="utf-8")
                return path
            except OSError:
                pass
        path = Path(tempfile.mkdtemp(prefix="gatefall-")) / FILE_NAME
        path.write_text(text, encoding="utf-8")
        return path


crash_log: Final = CrashLog()
