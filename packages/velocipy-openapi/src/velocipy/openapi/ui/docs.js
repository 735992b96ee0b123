// Starts Swagger UI on the page of velocipy-openapi, by what its data attributes say. Knows the page; knows no document.
"use strict";
(function () {
  const place = document.getElementById("swagger-ui");
  const message = document.getElementById("message");
  const data = place.dataset;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function follow() {
    document.documentElement.classList.toggle("dark-mode", dark.matches);
  }

  function fail(text) {
    message.className = "failed";
    message.textContent = text;
  }

  function address(relative) {
    return new URL(relative, window.location.href);
  }

  function start(spec) {
    // The browser knows where the service is, also behind a prefix that the service itself does not know of. Requests go there,
    // and what is relative in the document, such as a token URL, is so to there.
    if (!spec.servers) spec.servers = [{ url: address(data.root).href }];
    message.remove();
    const settings = {
      deepLinking: true,
      tryItOutEnabled: false,
      ...JSON.parse(data.settings),
      spec: spec,
      dom_id: "#swagger-ui",
      layout: "BaseLayout",
      presets: [window.SwaggerUIBundle.presets.apis],
      validatorUrl: null,
      oauth2RedirectUrl: address(data.redirect).href,
    };
    const ui = window.SwaggerUIBundle(settings);
    const oauth2 = JSON.parse(data.oauth2);
    if (Object.keys(oauth2).length) ui.initOAuth(oauth2);
  }

  follow();
  dark.addEventListener("change", follow);
  if (!window.SwaggerUIBundle) {
    fail("Swagger UI could not be loaded: its script is missing, or something between it and you refused it.");
    return;
  }
  fetch(address(data.document), { credentials: "same-origin", headers: { accept: "application/json" } })
    .then(function (answer) {
      if (!answer.ok) throw new Error("the answer is " + answer.status);
      return answer.json();
    })
    .then(start)
    .catch(function (reason) {
      fail("The document " + address(data.document).pathname + " could not be loaded: " + reason.message + ".");
    });
})();
