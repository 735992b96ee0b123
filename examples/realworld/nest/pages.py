"""The templates, and what every page knows. Knows files; does not know tables."""

from pathlib import Path

from velocipy import Templates

HERE = Path(__file__).parent

templates = Templates(
    HERE / "templates",
    context_processors=[lambda request: {"user": request.session.get("name")}],
)
templates.check()  # a fault of syntax is said when the app starts, with its file and line
