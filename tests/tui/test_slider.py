"""The slider: each notch at each width, and a click on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from agent.policy import Autonomy, Stance, Taint
from sandbox.base import Containment
from tests.tui.screen import Stage, folded, text_of
from tui.widgets.slider import Slider, line

FOREIGN = Taint(source="example.com", text="do this")


def every_notch(width: int) -> str:
    """All notches under all containments, one a line, as they stand on a screen."""
    lines = []
    for containment in reversed(Containment):
        lines += [line(Stance(level, containment), width).plain for level in Autonomy]
    lines.append(line(Stance(Autonomy.FULL, Containment.FULL, taint=FOREIGN), width).plain)
    lines.append(line(Stance(Autonomy.RUN, Containment.NONE, lifted=True), width).plain)
    return "\n".join(lines)


def test_each_notch_at_60_columns() -> None:
    assert folded(every_notch(60)) == snapshot("""\
 ◂OBSERVE▸ 0/4  reads; everything else is denied     ▣ FULL
 ◂ASK▸ 1/4  reads; everything else asks              ▣ FULL
 ◂EDIT▸ 2/4  edits run; the rest asks                ▣ FULL
 ◂RUN▸ 3/4  edits and commands run; the rest asks    ▣ FULL
 ◂FULL▸ 4/4  everything else runs; destroy asks      ▣ FULL
 ◂OBSERVE▸ 0/4  reads; everything else is denied  ◧ REDUCED
 ◂ASK▸ 1/4  reads; everything else asks           ◧ REDUCED
 ◂EDIT▸ 2/4  edits run; the rest asks             ◧ REDUCED
 ◂RUN▸ 3/4  edits, commands run; rest asks        ◧ REDUCED
 ◂FULL▸ 4/4  everything else runs; destroy asks   ◧ REDUCED
 ◂OBSERVE▸ 0/4  reads; everything else is denied     ▢ NONE
 ◂ASK▸ 1/4  reads; everything else asks              ▢ NONE
 ◂EDIT▸ 2/4  edits run; the rest asks                ▢ NONE
 ◂RUN▸ 3/4  edits run; the rest asks: no sandbox     ▢ NONE
 ◂FULL▸ 4/4  edits, network, outside run; rest asks  ▢ NONE
 ◂FULL▸ 4/4  edits and commands run; the rest asks   ▣ FULL
 ◂RUN▸ 3/4  edits and commands run; the rest asks     ▢ OFF
""")


def test_each_notch_at_100_columns() -> None:
    assert folded(every_notch(100)) == snapshot("""\
[OBSERVE]─ ASK ─ EDIT ─ RUN ─ FULL   reads; everything else is denied                ▣ FULL sandbox
 OBSERVE ─[ASK]─ EDIT ─ RUN ─ FULL   reads; everything else asks                     ▣ FULL sandbox
 OBSERVE ─ ASK ─[EDIT]─ RUN ─ FULL   edits run; the rest asks                        ▣ FULL sandbox
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and commands run; the rest asks           ▣ FULL sandbox
 OBSERVE ─ ASK ─ EDIT ─ RUN ─[FULL]  everything else runs; destroy asks              ▣ FULL sandbox
[OBSERVE]─ ASK ─ EDIT ─ RUN ─ FULL   reads; everything else is denied             ◧ REDUCED sandbox
 OBSERVE ─[ASK]─ EDIT ─ RUN ─ FULL   reads; everything else asks                  ◧ REDUCED sandbox
 OBSERVE ─ ASK ─[EDIT]─ RUN ─ FULL   edits run; the rest asks                     ◧ REDUCED sandbox
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and commands run; the rest asks        ◧ REDUCED sandbox
 OBSERVE ─ ASK ─ EDIT ─ RUN ─[FULL]  everything else runs; destroy asks           ◧ REDUCED sandbox
[OBSERVE]─ ASK ─ EDIT ─ RUN ─ FULL   reads; everything else is denied            ▢ NONE: no sandbox
 OBSERVE ─[ASK]─ EDIT ─ RUN ─ FULL   reads; everything else asks                 ▢ NONE: no sandbox
 OBSERVE ─ ASK ─[EDIT]─ RUN ─ FULL   edits run; the rest asks                    ▢ NONE: no sandbox
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits run; the rest asks: no sandbox        ▢ NONE: no sandbox
 OBSERVE ─ ASK ─ EDIT ─ RUN ─[FULL]  edits, network, outside run; rest asks      ▢ NONE: no sandbox
 OBSERVE ─ ASK ─ EDIT ─ RUN ─[FULL]  edits, commands run; rest asks: foreign text    ▣ FULL sandbox
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and commands run; the rest asks      ▢ NONE: sandbox off
""")


def test_each_notch_at_160_columns() -> None:
    assert folded(every_notch(160)) == snapshot("""\
[OBSERVE]─ ASK ─ EDIT ─ RUN ─ FULL   reads; everything else is denied
⤷                                                  ▣ FULL sandbox
 OBSERVE ─[ASK]─ EDIT ─ RUN ─ FULL   reads; everything else asks
⤷                                                  ▣ FULL sandbox
 OBSERVE ─ ASK ─[EDIT]─ RUN ─ FULL   edits run; commands, network, outside and destroy ask
⤷                                                  ▣ FULL sandbox
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and contained commands run; network, outside and dest
⤷ roy ask                                          ▣ FULL sandbox
 OBSERVE ─ ASK ─ EDIT ─ RUN ─[FULL]  edits, contained commands, network and outside run; destroy
⤷  asks                                            ▣ FULL sandbox
[OBSERVE]─ ASK ─ EDIT ─ RUN ─ FULL   reads; everything else is denied
⤷                                               ◧ REDUCED sandbox
 OBSERVE ─[ASK]─ EDIT ─ RUN ─ FULL   reads; everything else asks
⤷                                               ◧ REDUCED sandbox
 OBSERVE ─ ASK ─[EDIT]─ RUN ─ FULL   edits run; commands, network, outside and destroy ask
⤷                                               ◧ REDUCED sandbox
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and contained commands run; network, outside and dest
⤷ roy ask                                       ◧ REDUCED sandbox
 OBSERVE ─ ASK ─ EDIT ─ RUN ─[FULL]  edits, contained commands, network and outside run; destroy
⤷  asks                                         ◧ REDUCED sandbox
[OBSERVE]─ ASK ─ EDIT ─ RUN ─ FULL   reads; everything else is denied
⤷                                              ▢ NONE: no sandbox
 OBSERVE ─[ASK]─ EDIT ─ RUN ─ FULL   reads; everything else asks
⤷                                              ▢ NONE: no sandbox
 OBSERVE ─ ASK ─[EDIT]─ RUN ─ FULL   edits run; commands, network, outside and destroy ask
⤷                                              ▢ NONE: no sandbox
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits run; commands, network, outside and destroy ask: noth
⤷ ing contains commands                        ▢ NONE: no sandbox
 OBSERVE ─ ASK ─ EDIT ─ RUN ─[FULL]  edits, network and outside run; commands and destroy ask: n
⤷ othing contains commands                     ▢ NONE: no sandbox
 OBSERVE ─ ASK ─ EDIT ─ RUN ─[FULL]  edits and contained commands run; network, outside and dest
⤷ roy ask: text from example.com was read          ▣ FULL sandbox
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and uncontained commands run; network, outside and de
⤷ stroy ask                                   ▢ NONE: sandbox off
""")


@given(
    st.integers(20, 200),
    st.builds(
        Stance,
        autonomy=st.sampled_from(Autonomy),
        containment=st.sampled_from(Containment),
        lifted=st.booleans(),
        taint=st.sampled_from([None, FOREIGN]),
    ),
)
def test_the_level_and_the_containment_are_on_it_at_every_width(width: int, stance: Stance) -> None:
    shown = line(stance, width)
    assert shown.cell_length <= width
    assert stance.autonomy.name in shown.plain
    if width >= 60:
        off = stance.lifted and stance.containment is Containment.NONE
        assert ("off" if off else stance.containment.name) in shown.plain[20:].replace("OFF", "off")


@pytest.mark.parametrize("width", [100, 60])
async def test_the_words_change_at_once(width: int) -> None:
    slider = Slider(Stance(Autonomy.RUN, Containment.FULL))
    async with Stage(slider).run_test(size=(width, 3)) as pilot:
        assert "commands run" in await text_of(pilot)
        slider.show(Stance(Autonomy.OBSERVE, Containment.FULL))
        assert "denied" in await text_of(pilot)


async def test_a_click_on_a_notch_asks_to_move_there() -> None:
    slider = Slider(Stance(Autonomy.RUN, Containment.FULL))
    app = Stage(slider, told=(Slider.Moved,))
    async with app.run_test(size=(120, 3)) as pilot:
        shown = await text_of(pilot)
        for level in Autonomy:
            await pilot.click(slider, offset=(shown.index(level.name) + 1, 0))
        await pilot.click(slider, offset=(100, 0))  # beside them
        await pilot.pause()
    levels = [each.level for each in app.said]
    assert levels == [Autonomy.OBSERVE, Autonomy.ASK, Autonomy.EDIT, Autonomy.FULL]


async def test_a_click_counts_from_where_the_words_begin() -> None:
    slider = Slider(Stance(Autonomy.RUN, Containment.FULL))
    app = Stage(slider, told=(Slider.Moved,), css="Slider { padding: 0 0 0 4; }")
    async with app.run_test(size=(120, 3)) as pilot:
        await pilot.click(slider, offset=((await text_of(pilot)).index(" ASK "), 0))
        await pilot.pause()
    assert [each.level for each in app.said] == [Autonomy.ASK]


async def test_a_narrow_slider_moves_by_its_ends() -> None:
    slider = Slider(Stance(Autonomy.RUN, Containment.FULL))
    app = Stage(slider, told=(Slider.Moved,))
    async with app.run_test(size=(60, 3)) as pilot:
        await pilot.click(slider, offset=(1, 0))
        await pilot.click(slider, offset=(5 + 1, 0))
        await pilot.pause()
    assert [each.level for each in app.said] == [Autonomy.EDIT, Autonomy.FULL]


async def test_a_stance_that_moves_later_does_not_move_what_is_shown() -> None:
    stance = Stance(Autonomy.RUN, Containment.FULL)
    slider = Slider(stance)
    async with Stage(slider).run_test(size=(100, 3)) as pilot:
        stance.autonomy = Autonomy.FULL
        assert "[RUN]" in await text_of(pilot)
        slider.show(stance)
        assert "[FULL]" in await text_of(pilot)
