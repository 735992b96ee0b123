"""Files: a page with its style sheet, a download, and what HTTP has for both: validators, ranges, conditions.

granian static_files:app --interface rsgi
open http://127.0.0.1:8000/site/                              # index.html, app.css and a 404 page
curl -i http://127.0.0.1:8000/site/app.css                    # etag, last-modified, cache-control
curl -i -H 'range: bytes=0-9' http://127.0.0.1:8000/site/app.css
curl -i -H 'if-none-match: "..."' http://127.0.0.1:8000/site/app.css   # with the etag from above: 304
curl -OJ 'http://127.0.0.1:8000/report?year=2026'             # saved as Überblick 2026.csv
curl -i --path-as-is http://127.0.0.1:8000/site/../static_files.py     # 404: nothing outside is served
"""

from pathlib import Path

from velocipy import FileResponse, StaticFiles, VelociPy

SITE = Path(__file__).parent / "public"

app = VelociPy(title="Static files")

# `html` serves index.html for a folder and 404.html for what is missing; a route of the app itself comes before every mount.
app.mount("/site", StaticFiles(SITE, html=True, cache_control="public, max-age=60"))


@app.get("/report")
async def report(year: int) -> FileResponse:
    """One file under a name of its own; the server sends it without Python touching its bytes where it can."""
    return FileResponse(SITE / "report.csv", filename=f"Überblick {year}.csv")
