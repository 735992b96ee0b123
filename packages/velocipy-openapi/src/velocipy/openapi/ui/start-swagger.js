// How Swagger UI is started. Knows its parameters; the page around it is that of docs.js.
"use strict";
(function () {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function follow() {
    document.documentElement.classList.toggle("dark-mode", dark.matches);
  }

  follow();
  dark.addEventListener("change", follow);
  window.velocipyDocs = {
    name: "Swagger UI",
    library: function () {
      return window.SwaggerUIBundle;
    },
    start: function (bundle, spec, data) {
      const ui = bundle({
        deepLinking: true,
        tryItOutEnabled: false,
        ...data.said.settings,
        spec: spec,
        domNode: data.place,
        layout: "BaseLayout",
        presets: [bundle.presets.apis],
        validatorUrl: null,
        oauth2RedirectUrl: data.redirect,
      });
      // A code that somebody else has got hold of is worth nothing with PKCE (RFC 9700 section 2.1.1).
      ui.initOAuth({ usePkceWithAuthorizationCodeGrant: true, ...data.said.oauth2 });
    },
  };
})();
