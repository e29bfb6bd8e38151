from __future__ import annotations

import pytest
from azuraforge_tui.widgets.lines import Progress, ProgressLine, SteadyText, TitleLine
from textual.app import App
from textual.content import Content

pytestmark = pytest.mark.anyio


class Shown(App[None]):
    def compose(self):
        yield TitleLine()
        yield ProgressLine()
        yield SteadyText()

    def get_theme_variable_defaults(self):
        return dict.fromkeys(("quiet", "rule", "series-train"), "#888888")


@pytest.mark.parametrize(("fraction", "done"), [(0.0, 0), (0.5, 0.5), (1.0, 1)])
@pytest.mark.parametrize("width", [30, 80, 200])
async def test_the_bar_takes_the_room_its_words_leave(fraction, done, width):
    async with Shown().run_test(size=(width, 10)) as pilot:
        line = pilot.app.query_one(ProgressLine)

        line.show(Progress(fraction, "step 1/2"))

        text = line.render().plain
        bar = text.split("  ")[0].rsplit(" ", 1)[0].strip(" 0123456789%")
        assert len(text) == width - 2, "all but the padding"
        assert bar.count("━") == round(done * len(bar))


async def test_the_title_keeps_its_right_part_at_the_right_edge():
    async with Shown().run_test(size=(60, 10)) as pilot:
        title = pilot.app.query_one(TitleLine)

        title.show("Models", "2 versions", "$quiet")

        text = title.render().plain
        assert text.startswith("Models ")
        assert text.endswith(" 2 versions")
        assert len(text) == 58


async def test_the_same_text_is_not_laid_out_again(monkeypatch):
    async with Shown().run_test() as pilot:
        text = pilot.app.query_one(SteadyText)
        text.show(Content.styled("loss 0.5", "bold"))
        updates = []
        monkeypatch.setattr(text, "update", updates.append)

        text.show(Content.styled("loss 0.5", "bold"))
        assert updates == []

        text.show(Content.styled("loss 0.5", "italic"))
        assert len(updates) == 1
