/* The article's client: it is in the base page, so that every page that is loaded reports itself. */
$(function () {
  var socket = io.connect(location.origin); // "http://localhost:8080", where the server runs as the README says
  var lost;

  // Names are written by people, so they are text, never HTML.
  function lister(arr) {
    return $.map(arr, function (value) {
      return $("<li>").append($("<b>").text(value.name), document.createTextNode(" (login: " + value.login + ", id: " + value.user_id + ")"));
    });
  }

  function show(list) {
    return function (arr) {
      var fresh = $("<ul>").append(lister(arr));
      if (fresh.html() !== list.html()) list.empty().append(fresh.children());
    };
  }

  function status(text) {
    clearTimeout(lost);
    $("#sockstat").text(text);
  }

  socket.on("connect", function () {
    status("connected");
    socket.emit("iamhere", { location: document.URL });
  });
  socket.on("disconnect", function () {
    // Going to another page ends the connection, too; half a second keeps that from being shown.
    clearTimeout(lost);
    lost = setTimeout(status, 500, "lost");
  });
  socket.on("connect_error", function (error) {
    if (!socket.active) status("refused: " + error.message); // else it is trying again
  });
  socket.on("online", show($("#online")));
  socket.on("alsohere", show($("#alsohere")));
});
