import pytest

from styleguide_example.embedded.journey import JourneyError, Page

PAGE = """
<header><form method="post" action="/sign-out/"><input type="hidden" name="token" value="header"></form></header>
<main>
  <form method="get" action="/search/"><input name="q"></form>
  <form method="POST" action="?step=2">
    <input type="hidden" name="csrfmiddlewaretoken" value="secret">
    <input name="full_name" value="">
    <input type="email" value="not sent, it has no name">
    <input type="password" name="new_password1">
    <select name="time_zone">
      <option value="">Choose</option><option value="UTC">UTC</option>
      <optgroup><option value="Europe/Sofia" selected>Sofia</option></optgroup>
    </select>
    <textarea name="about">
Ada &amp; Grace</textarea>
    <input type="checkbox" name="news"><input type="checkbox" name="terms" checked>
    <input type="radio" name="kind" value="cron" checked><input type="radio" name="kind" value="every">
    <select name="priority"><option value="">Its own</option><option value="9">Lowest</option></select>
    <input type="submit" name="_save" value="Save"><button name="_preview">Preview</button>
    <button>Go on</button>
  </form>
</main>
"""


class TestPage:
    def test_finds_what_a_browser_would_send(self) -> None:
        form = Page(url="http://localhost/onboarding/", html=PAGE).form()

        assert form.action == "?step=2"
        assert form.values == {
            "csrfmiddlewaretoken": "secret",
            "full_name": "",
            "new_password1": "",
            "time_zone": "Europe/Sofia",
            "about": "Ada & Grace",
            "terms": "on",
            "kind": "cron",
            "priority": "",
        }
        assert {"news", "_save", "_preview"} <= form.types.keys()
        assert form.types["new_password1"] == "password"

    def test_says_when_there_is_no_form_to_go_on_with(self) -> None:
        page = Page(url="http://localhost/home/?a=b", html="<main><h1>Home</h1></main>")

        with pytest.raises(JourneyError, match="The page /home/ has no form to fill in"):
            page.form()
