// How Scalar is started. Knows its settings; the page around it is that of docs.js.
"use strict";
(function () {
  // What it would ask other hosts for, or send there. The page's policy would refuse that in any case.
  const ALONE = {
    withDefaultFonts: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    proxyUrl: "",
  };

  // Scalar goes by these marks on a flow. A code that somebody else has got hold of is worth nothing with PKCE (RFC 9700 section 2.1.1).
  function mark(spec, redirect) {
    for (const scheme of Object.values(spec.components?.securitySchemes ?? {})) {
      for (const flow of Object.values(scheme.flows ?? {})) {
        if (!flow.authorizationUrl) continue;
        flow["x-scalar-redirect-uri"] ??= redirect;
        if (flow.tokenUrl) flow["x-usePkce"] ??= "SHA-256";
      }
    }
  }

  window.velocipyDocs = {
    name: "Scalar",
    library: function () {
      return window.Scalar;
    },
    start: function (scalar, spec, data) {
      mark(spec, data.redirect);
      scalar.createApiReference(data.place, {
        hideClientButton: true,
        showDeveloperTools: "never",
        ...data.said.settings,
        ...ALONE,
        content: spec,
      });
    },
  };
})();
