"""The app: what stands around everything, and what it is made of.

granian nest.main:app --interface rsgi       # or: uvicorn nest.main:app
"""

from nest import accounts, chores
from nest.pages import HERE
from nest.settings import Settings
from velocipy import (
    Config,
    Depends,
    RedirectResponse,
    Request,
    Response,
    SessionMiddleware,
    StaticFiles,
    VelociPy,
)
from velocipy.middleware import RequestIDMiddleware, SecurityHeadersMiddleware, TrustedHostMiddleware
from velocipy.security import CrossOriginCheck


def create_app() -> VelociPy:
    """The app by the settings of now."""
    settings = Config.get(Settings)
    app = VelociPy(title="The nest", dependencies=[Depends(CrossOriginCheck())], plugins=False)
    app.add_middleware(RequestIDMiddleware())
    app.add_middleware(TrustedHostMiddleware(settings.hosts))
    # Browsers heed HSTS over https alone, so it does no harm while this runs on one's own machine.
    app.add_middleware(SecurityHeadersMiddleware(csp={"default-src": ["self"]}, hsts=True))
    app.add_middleware(SessionMiddleware(settings.secret_key, https_only=settings.secure_cookies))
    app.include_router(accounts.router)
    app.include_router(chores.router)
    app.mount("/static", StaticFiles(HERE / "static"))

    @app.exception_handler(accounts.NotSignedIn)
    async def to_login(request: Request, exc: accounts.NotSignedIn) -> Response:
        """A redirect, which htmx wants as a header of its own, or it would put the login page into the list."""
        login = request.url_for("login")
        if request.header("hx-request") == "true":
            return Response(None, 401, {"hx-redirect": login})
        return RedirectResponse(login, 303)

    return app


app = create_app()
