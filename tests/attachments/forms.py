"""Forms with files, as a browser or a program sends them."""

import io
from typing import Any

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

File = tuple[bytes, str]


def form_with(*files: File, field: str = "files", **fields: Any) -> dict[str, Any]:
    """What a test client posts to send the fields and the files; a list sends a field several times."""
    values: MultiDict[str, Any] = MultiDict(fields)
    for content, name in files:
        values.add(field, FileStorage(io.BytesIO(content), name))
    # The client itself would put a large body into a temporary file that nobody closes.
    boundary, body = encode_multipart(values)
    return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}
