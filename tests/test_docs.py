"""Whatever a user can meet is documented, and no page is stale."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reference_pages import FOLDER, PAGES, command_words, refusals

from ullage.api import problems
from ullage.api.versions import HISTORY
from ullage.cli import fleet
from ullage.settings import OPTIONS, environment_variable

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)?(#[^)\s]*)?\)")


def pages() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "stale: run `make docs`"


def test_every_setting_is_documented_with_its_variable() -> None:
    text = (FOLDER / "settings.md").read_text()
    assert not [name for name in OPTIONS if f"## {name}\n" not in text or environment_variable(name) not in text]


def test_every_command_is_documented() -> None:
    text = (FOLDER / "cli.md").read_text()
    assert not [words for words in command_words() if f"## {' '.join(('ullage', *words))}\n" not in text]


def test_every_microversion_has_its_sentence() -> None:
    text = (FOLDER / "microversions.md").read_text()
    assert not [row.minor for row in HISTORY if f"| 1.{row.minor} | {row.sentence} |" not in text]


def test_every_refusal_has_a_row_and_every_code_is_documented() -> None:
    text = (FOLDER / "errors.md").read_text()
    codes = {problems.row_for(kind).code for kind in refusals()} | {row.code for row in problems.TABLE.values()}
    assert not [code for code in codes if f"`{code}`" not in text]
    assert len(refusals()) >= 20


def test_every_field_of_a_fleet_is_documented() -> None:
    text = (FOLDER / "fleet.md").read_text()
    entries = (fleet.Fleet, fleet.ProviderEntry, fleet.TemplateEntry, fleet.OverrideEntry, fleet.ConsumerEntry)
    fields = {name for entry in (*entries, fleet.InventoryEntry) for name in entry.__struct_fields__}
    assert not [name for name in sorted(fields) if f"`{name}`" not in text]


def test_every_decision_is_in_the_index_under_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    records = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    assert records
    for path in records:
        number, title = re.match(r"# (\d{4}): (.+)", path.read_text()).groups()  # type: ignore[union-attr] # or it fails
        assert path.name.startswith(f"{number}-")
        assert f"| [{number}]({path.name}) | {title} |" in index


def test_every_promise_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "security" / "promises.md").read_text()
    rows = re.findall(r"^\| (?!area|-).+ \| .+ \| (.+) \|$", page, re.MULTILINE)
    assert len(rows) >= 10
    for row in rows:
        paths = re.findall(r"`(tests/[^`]+)`", row)
        assert paths
        assert not [path for path in paths if "def test_" not in (ROOT / path).read_text()]


def test_every_link_leads_somewhere() -> None:
    broken = []
    for page in pages():
        for target, fragment in LINK.findall(page.read_text()):
            if target.startswith("http"):
                continue
            path = (page.parent / target).resolve() if target else page
            if not path.exists() or (fragment and fragment[1:] not in anchors(path)):
                broken.append(f"{page.relative_to(ROOT)}: {target}{fragment}")
    assert not broken


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        waiting += [(page.parent / target).resolve() for target, _ in LINK.findall(page.read_text()) if target]
    assert not [str(page.relative_to(ROOT)) for page in pages() if page not in seen]


def test_every_word_of_the_code_s_own_is_in_the_glossary() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    own = ("Book", "claim", "committer", "feed", "mirror", "snapshot", "stamp", "tombstone", "trail", "writer")
    assert not [word for word in own if f"| {word} |" not in glossary]


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## Unreleased$", text, flags=re.MULTILINE)
