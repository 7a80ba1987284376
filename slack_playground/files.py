"""Files: upload slots, contents, and Slack's file objects (PLATFORM §9)."""

import mimetypes
import secrets
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from slack_playground.slack_types import ApiError, Json, epoch_s, new_id


@dataclass(slots=True, kw_only=True)
class StoredFile:
    """One file. `user` uploaded it; it is private until it is shared somewhere."""

    id: str
    name: str
    title: str
    mimetype: str
    user: str
    data: bytes = b""
    created: int = field(default_factory=epoch_s)
    snippet_type: str = ""
    alt_txt: str = ""
    shares: dict[str, list[Json]] = field(default_factory=dict)
    complete: bool = True


class FileStore:
    """Every file, and the upload slots that are still open."""

    def __init__(self) -> None:
        self.files: dict[str, StoredFile] = {}
        self.slots: dict[str, tuple[str, int]] = {}
        self.url = ""

    def add(self, *, name: str, data: bytes, user: str, mimetype: str = "") -> StoredFile:
        """Store a finished file."""
        file = StoredFile(
            id=new_id("F"),
            name=name,
            title=name,
            mimetype=mimetype or guess_type(name),
            user=user,
            data=data,
        )
        self.files[file.id] = file
        return file

    def reserve(self, file: StoredFile, length: int) -> str:
        """Open an upload slot for `length` bytes and return its path."""
        slot = secrets.token_urlsafe(24)
        file.complete = False
        self.files[file.id] = file
        self.slots[slot] = (file.id, length)
        return f"/upload/v1/{slot}"

    def get(self, file_id: str) -> StoredFile:
        """A finished file, or raise `file_not_found`."""
        file = self.files.get(file_id)
        if file is None or not file.complete:
            raise ApiError("file_not_found")
        return file

    def shape(self, file: StoredFile) -> Json:
        """Slack's file object."""
        extension = PurePosixPath(file.name).suffix.lstrip(".").lower()
        shape: Json = {
            "id": file.id,
            "created": file.created,
            "timestamp": file.created,
            "name": file.name,
            "title": file.title,
            "mimetype": file.mimetype,
            "filetype": file.snippet_type or extension or "binary",
            "pretty_type": (extension or "Binary").upper(),
            "user": file.user,
            "mode": "snippet" if file.snippet_type else "hosted",
            "editable": bool(file.snippet_type),
            "size": len(file.data),
            "is_external": False,
            "external_type": "",
            "is_public": bool(file.shares),
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": f"{self.url}/files/{file.id}/{file.name}",
            "url_private_download": f"{self.url}/files/{file.id}/download/{file.name}",
            "permalink": f"{self.url}/files/{file.id}",
            "has_rich_preview": False,
            "file_access": "visible",
        }
        if file.alt_txt:
            shape["alt_txt"] = file.alt_txt
        return shape


def guess_type(name: str) -> str:
    """A media type from a file name; `application/octet-stream` when unknown."""
    if name.endswith((".md", ".log", ".diff", ".patch", ".toml", ".yml", ".yaml")):
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
