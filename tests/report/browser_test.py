"""Opens a report in headless Chromium: every section is there, hovering shows the row, dark mode and
400 pixels hold, nothing is requested, the console is empty.

RIDGELINE is the command; RIDGELINE_RESULTS a folder of results, or those of docs/results are shown.
Screenshots are written to RIDGELINE_SCREENSHOTS, if it is set.
"""
import functools
import http.server
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MOST_BYTES = 4 << 20
MOST_SECONDS = 10  # 2 on a machine with nothing else to do


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    requests = []

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        QuietHandler.requests.append(self.path)
        super().do_GET()


class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.page = pathlib.Path(cls.folder.name) / "report.html"
        results = os.environ.get("RIDGELINE_RESULTS")
        paths = [results] if results else [str(REPOSITORY / "docs/results" / name)
                                           for name in ("epyc-2-cores", "h200-16-cores")]
        subprocess.run([os.environ["RIDGELINE"], "report", *paths, "--output", str(cls.page)],
                       check=True, capture_output=True)
        handler = functools.partial(QuietHandler, directory=cls.folder.name)
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--force-prefers-reduced-motion"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.driver = webdriver.Chrome(options=options)
        cls.driver.execute_cdp_cmd("Network.enable", {})
        cls.driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()
        cls.server.shutdown()
        cls.folder.cleanup()

    def open(self, width=1000, dark=False):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        QuietHandler.requests.clear()
        begin = time.monotonic()
        self.driver.get(f"http://127.0.0.1:{self.server.server_port}/report.html")
        return time.monotonic() - begin

    def screenshot(self, name):
        folder = os.environ.get("RIDGELINE_SCREENSHOTS")
        if folder:
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(pathlib.Path(folder) / f"{name}.png"))

    def find_all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def test_the_page_is_small_and_opens_quickly_and_requests_nothing(self):
        self.assertLess(self.page.stat().st_size, MOST_BYTES)
        self.open()  # the browser's own start is not the page's
        self.assertLess(self.open(), MOST_SECONDS)
        self.assertEqual(QuietHandler.requests, ["/report.html"])
        self.assertEqual([entry["message"] for entry in self.driver.get_log("browser")], [])
        self.screenshot("light")

    def test_the_contents_lead_to_every_section(self):
        self.open()
        sections = [each.get_attribute("id") for each in self.find_all("main section")]
        links = [each.get_attribute("href").split("#")[1] for each in self.find_all("nav a")]
        self.assertEqual(sections, links)
        self.assertGreaterEqual(len(sections), 5)
        if "RIDGELINE_RESULTS" not in os.environ:
            for name in ("rooflines", "machines", "study-latency", "study-bandwidth", "study-concurrency",
                         "study-dispatch", "study-divergence", "study-crossover", "study-scaling"):
                self.assertIn(name, sections)
        self.assertTrue(self.find_all(".summary li"), "the page begins with findings")

    def test_every_picture_has_a_title_axis_labels_and_a_table(self):
        self.open()
        pictures = self.driver.execute_script("""
            return [...document.querySelectorAll("figure")].map(figure => ({
              name: figure.id,
              title: figure.querySelector("figcaption").textContent,
              label: figure.querySelector(".wide svg").getAttribute("aria-label"),
              texts: figure.querySelectorAll(".wide svg text").length,
              turned: figure.querySelectorAll(".wide svg text[transform]").length,
              rows: figure.querySelectorAll("tbody tr").length}));""")
        self.assertGreater(len(pictures), 5)
        for picture in pictures:
            self.assertTrue(picture["title"] and picture["label"], picture)
            self.assertGreater(picture["texts"], 3, picture)
            self.assertGreaterEqual(picture["turned"], 1, picture)  # the label of the vertical axis
            self.assertGreater(picture["rows"], 0, picture)

    def hover(self, drawing, row_of):
        """Moves the pointer to a point of a drawing; returns the element that then shows its row."""
        place = self.driver.execute_script("""
            const drawing = arguments[0], svg = drawing.querySelector("svg");
            drawing.scrollIntoView({block: "center", behavior: "instant"});
            // A point that is alone in its place, so that the pointer has one row.
            const far = drawing.points.filter(a => drawing.points.every(
              b => a === b || Math.hypot(a[0] - b[0], a[1] - b[1]) > 3));
            if (!far.length) return null;
            const point = far[Math.floor(far.length / 2)];
            const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
            const row = drawing.closest("figure").querySelector("tbody").rows[point[2]];
            return [box.left + point[0] * scale, box.top + point[1] * scale,
                    [...row.cells].map(cell => cell.textContent).filter(text => text)];""", drawing)
        if place is None:
            return None
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {
            "type": "mouseMoved", "x": place[0], "y": place[1]})
        row_of.extend(place[2])
        return self.driver.find_element(By.ID, "tip")

    def test_hovering_shows_a_row_of_the_table(self):
        self.open()
        hovered = 0
        for drawing in self.find_all("figure .drawing.wide"):
            if not drawing.is_displayed() or not self.driver.execute_script(
                    "return arguments[0].points.length", drawing):
                continue
            row = []
            tip = self.hover(drawing, row)
            if tip is None:
                continue
            self.assertTrue(tip.is_displayed())
            shown = tip.text
            self.assertEqual([text for text in row if text not in shown], [], shown)
            hovered += 1
            if hovered == 12:
                break
        self.assertGreater(hovered, 4)
        self.screenshot("hover")

    def test_a_narrow_window_needs_no_horizontal_scrolling(self):
        self.open(width=400)
        width = self.driver.execute_script("return document.documentElement.scrollWidth")
        self.assertLessEqual(width, 400)
        shown = self.driver.execute_script("""
            return [...document.querySelectorAll("figure")].filter(figure => figure.offsetParent).map(figure => {
              const narrow = figure.querySelector(".narrow"), text = narrow.querySelector("svg text");
              return [getComputedStyle(figure.querySelector(".wide")).display,
                      getComputedStyle(narrow).display, text.getBoundingClientRect().height];});""")
        self.assertTrue(shown)
        for wide, narrow, height in shown:
            self.assertEqual((wide, narrow), ("none", "block"))
            self.assertGreater(height, 10, "letters of 9 pixels at least")
        self.screenshot("narrow")

    def contrast(self):
        """Returns the least contrast of a text of a picture with the page, as WCAG defines it."""
        return self.driver.execute_script("""
            const light = text => {
              const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255).map(
                v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
              return 0.2126 * r + 0.7152 * g + 0.0722 * b;};
            const ground = light(getComputedStyle(document.body).backgroundColor);
            const of = value => (Math.max(value, ground) + 0.05) / (Math.min(value, ground) + 0.05);
            const texts = [...document.querySelectorAll("figure svg text")].map(
              text => of(light(getComputedStyle(text).fill)));
            texts.push(of(light(getComputedStyle(document.body).color)));
            return [Math.min(...texts), ground];""")

    def test_texts_can_be_read_in_light_and_dark(self):
        grounds = []
        for dark in (False, True):
            self.open(dark=dark)
            least, ground = self.contrast()
            self.assertGreaterEqual(least, 3, "dark" if dark else "light")
            grounds.append(ground)
            self.screenshot("dark" if dark else "light")
        self.assertGreater(grounds[0], 0.9)
        self.assertLess(grounds[1], 0.1)

    def test_a_printed_page_has_its_tables_open(self):
        self.open()
        self.driver.execute_script("dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(self.find_all("details:not([open])"), [])
        self.driver.execute_script("dispatchEvent(new Event('afterprint'))")
        self.assertTrue(self.find_all("details:not([open])"))
        pdf = self.driver.execute_cdp_cmd("Page.printToPDF", {})
        self.assertGreater(len(pdf["data"]), 10000)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
