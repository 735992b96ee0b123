"""Uploads: one file, several, a file beside fields, and a body that is read part by part without being kept.

granian uploads:app --interface rsgi
curl http://127.0.0.1:8000/avatar -F avatar=@photo.png -F title=me
curl http://127.0.0.1:8000/documents -F files=@a.txt -F files=@b.txt
curl http://127.0.0.1:8000/sizes -F any=@big.iso            # nothing is stored, whatever the size
"""

from hashlib import sha256
from typing import Annotated

from velocipy import File, Form, Request, UploadFile, VelociPy

app = VelociPy(title="Uploads", max_content_length=50 * 1024 * 1024)


@app.post("/avatar")
async def avatar(
    avatar: UploadFile,
    title: Annotated[str, Form(max_length=80)] = "untitled",
) -> dict[str, object]:
    """Small files stay in memory, large ones go to disk; both are gone after the request."""
    content = await avatar.read()
    return {
        "title": title,
        "filename": avatar.filename,
        "content_type": avatar.content_type,
        "size": avatar.size,
        "sha256": sha256(content).hexdigest(),
    }


@app.post("/documents")
async def documents(
    files: Annotated[list[UploadFile], File(description="Any number of files")],
) -> list[dict[str, object]]:
    """Every file of that name, in the order in which they were sent."""
    return [{"filename": file.filename, "size": file.size} for file in files]


@app.post("/sizes", max_content_length=10 * 1024**3)
async def sizes(request: Request) -> dict[str, int]:
    """Part by part, as the body arrives: a file of any size takes one chunk of memory."""
    found: dict[str, int] = {}
    async for part in request.multipart():
        found[part.name] = found.get(part.name, 0) + sum([len(chunk) async for chunk in part])
    return found
