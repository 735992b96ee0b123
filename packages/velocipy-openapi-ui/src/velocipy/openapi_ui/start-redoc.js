// How ReDoc is started. Knows its settings; the page around it is that of docs.js.
"use strict";
window.velocipyDocs = {
  name: "ReDoc",
  library: function (data) {
    return import(data.address(data.files["redoc.standalone.js"]));
  },
  start: function (redoc, spec, data) {
    const settings = { sanitize: true, ...data.said.settings, disableTelemetry: true, router: "hash" };
    redoc.init(spec, settings, data.place);
  },
};
