// Fetches the document and has the page's kind show it, by what the data attributes say. Knows the page; knows no kind.
// A kind is `window.velocipyDocs = {name, library(data), start(library, spec, data)}`: library gives what its files have brought, or a promise
// of it; start shows spec, a document, in the element data.place. data has what the page says beside these: said, files, address(link)
// and redirect.
"use strict";
(function () {
  const place = document.getElementById("docs");
  const message = document.getElementById("message");
  const kind = window.velocipyDocs;
  const data = {
    place: place,
    said: JSON.parse(place.dataset.said),
    files: JSON.parse(place.dataset.files),
    address: address,
    redirect: address(place.dataset.redirect).href,
  };

  function address(link) {
    return new URL(link, window.location.href);
  }

  function fail(text) {
    message.className = "failed";
    message.textContent = text;
  }

  async function load() {
    const url = address(place.dataset.document);
    try {
      const answer = await fetch(url, { credentials: "same-origin", headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error("the answer is " + answer.status);
      return await answer.json();
    } catch (reason) {
      throw new Error("The document " + url.pathname + " could not be loaded: " + reason.message + ".");
    }
  }

  async function find() {
    let library = null;
    try {
      library = await kind.library(data);
    } catch {}
    if (!library) {
      throw new Error(kind.name + " could not be loaded: its script is missing, or something between it and you refused it.");
    }
    return library;
  }

  async function run() {
    const library = await find();
    const spec = await load();
    // The browser knows where the service is, also behind a prefix that the service itself does not know of. Requests go there,
    // and what is relative in the document, such as a token URL, is so to there.
    if (!spec.servers) spec.servers = [{ url: address(place.dataset.root).href }];
    kind.start(library, spec, data);
    message.remove();
  }

  if (kind) {
    run().catch(function (reason) {
      fail(reason.message);
    });
  } else {
    fail("The page could not be started: a script of it is missing, or something between it and you refused it.");
  }
})();
