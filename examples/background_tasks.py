"""Work after the answer, work that a response brings along, and work that goes on as long as the app.

granian background_tasks:app --interface rsgi
curl -X POST 'http://127.0.0.1:8000/signup?email=ada@example.org'
curl http://127.0.0.1:8000/outbox                   # the mail was sent after the answer
curl -X POST 'http://127.0.0.1:8000/signup?email=nobody'   # 400: nothing is sent
curl http://127.0.0.1:8000/beats
"""

import asyncio
from typing import Annotated

from velocipy import (
    BackgroundTask,
    BackgroundTasks,
    Depends,
    HTTPException,
    PlainTextResponse,
    Response,
    VelociPy,
)

app = VelociPy(title="Background tasks", shutdown_grace=5)
outbox: list[str] = []
beats = 0


async def send_mail(to: str, subject: str) -> None:
    """Stands for something slow; a `def` would run in a thread."""
    await asyncio.sleep(0.01)
    outbox.append(f"{subject} -> {to}")


async def audit(tasks: BackgroundTasks) -> None:
    """A dependency adds to the same list."""
    tasks.add_task(outbox.append, "audited")


@app.post("/signup", status_code=202)
async def signup(email: str, tasks: BackgroundTasks, _: Annotated[None, Depends(audit)]) -> dict[str, str]:
    """The tasks run in order once the answer is sent, and only if it is no error."""
    tasks.add_task(send_mail, email, subject="welcome")
    if "@" not in email:
        raise HTTPException(400, "no e-mail address")
    return {"accepted": email}


@app.get("/outbox")
async def read_outbox() -> list[str]:
    """What was sent so far."""
    return outbox


@app.get("/ping")
async def ping() -> Response:
    """A response may bring its own task."""
    response = PlainTextResponse("pong")
    response.background = BackgroundTask(outbox.append, "pinged")
    return response


async def heartbeat() -> None:
    """Begun when the app starts, cancelled when it stops, begun again should it fail."""
    global beats
    while True:
        beats += 1
        await asyncio.sleep(1)


app.add_task(heartbeat, restart=True)


@app.get("/beats")
async def read_beats() -> int:
    """How often the heart has beaten."""
    return beats
