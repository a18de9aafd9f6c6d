"""A headless Chromium driven over its DevTools protocol: enough to click, type, wait and take a picture."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# The innermost element that is seen and whose whole text is the one asked for, within `scope`.
_FIND = """
(function (text, scope) {
  const seen = element => { const box = element.getBoundingClientRect(); return box.width > 0 && box.height > 0; };
  const named = [...document.querySelectorAll(scope + " *")].filter(
    element => seen(element) && element.textContent.trim() === text
  );
  return named.length ? named[named.length - 1] : null;
})"""


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol; raises `AssertionError` where the browser refuses it."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv(timeout=60))
            if told.get("id") == number:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives."""
        told = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def wait(self, expression: str, seconds: float = 30.0) -> Any:
        """The expression's value, as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline, f"{expression}: not within {seconds:g} s\n{self.text()[:2000]}"
            time.sleep(0.1)
        return found

    def text(self) -> str:
        return str(self.value("document.body.innerText"))

    def shows(self, text: str, seconds: float = 30.0) -> None:
        """Waits until the page shows the text."""
        self.wait(f"(document.body?.innerText ?? '').includes({json.dumps(text)})", seconds)

    def click(self, text: str, scope: str = "body") -> None:
        """Clicks on what has exactly this text, with a real mouse: what lies above it would get the click."""
        find = f"{_FIND}({json.dumps(text)}, {json.dumps(scope)})"
        self.wait(f"{find} !== null")
        self._press(f"{find}")

    def click_at(self, selector: str) -> None:
        self.wait(f"document.querySelector({json.dumps(selector)}) !== null")
        self._press(f"document.querySelector({json.dumps(selector)})")

    def _press(self, element: str) -> None:
        place = (
            f"(e => {{ if (!e) return null; e.scrollIntoView({{block: 'nearest'}}); "
            f"const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})({element})"
        )
        # What is still being moved into its place, or drawn anew, would not be where the mouse goes.
        deadline, before, now = time.monotonic() + 10, None, self.value(place)
        while (now is None or now != before) and time.monotonic() < deadline:
            time.sleep(0.3)
            before, now = now, self.value(place)
        x, y = now
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, path: Path, clip: dict[str, float] | None = None) -> None:
        """What is seen, or the part of it within `clip` (x, y, width, height, scale), as PNG."""
        part = {} if clip is None else {"clip": clip}
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png", **part)["data"]))


@contextmanager
def browsing(profile: Path, width: int = 1440, height: int = 900) -> Iterator[Page]:
    """A page in a browser of its own, which ends with the block."""
    assert PROGRAM is not None
    told = profile / "DevToolsActivePort"
    told.unlink(missing_ok=True)
    program = subprocess.Popen(
        [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--no-first-run", "--hide-scrollbars", "--remote-debugging-port=0", f"--user-data-dir={profile}",
         f"--window-size={width},{height}", "about:blank"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not (told.exists() and "\n" in told.read_text()):
            assert time.monotonic() < deadline, "the browser does not start"
            time.sleep(0.05)
        port = told.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
            pages = [target for target in json.load(answer) if target["type"] == "page"]
        with connect(pages[0]["webSocketDebuggerUrl"], max_size=None) as socket:
            page = Page(socket)
            page.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                     mobile=False)  # fmt: skip
            yield page
    finally:
        program.terminate()
        program.wait(20)
