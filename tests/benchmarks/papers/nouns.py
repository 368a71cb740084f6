"""Nouns of six kinds, 30 each, for questions whose answers an exact rule can check."""

from __future__ import annotations

_TEXT = """\
animal: tiger horse cow sheep goat rabbit wolf fox bear lion elephant giraffe monkey camel donkey squirrel mouse
    frog snake lizard eagle owl duck goose chicken whale dolphin shark zebra kangaroo
fruit: apple banana cherry grape orange lemon lime peach pear plum apricot mango papaya pineapple melon strawberry
    raspberry blueberry blackberry kiwi fig date coconut grapefruit tangerine nectarine cranberry pomegranate guava
    watermelon
tool: hammer saw wrench screwdriver drill chisel pliers axe shovel rake hoe ladder file clamp crowbar mallet sander
    spade pickaxe scissors tweezers trowel hatchet sickle scythe anvil bolt nail plane level
country: France Brazil Japan Canada Mexico India China Germany Italy Spain Egypt Kenya Nigeria Peru Chile Argentina
    Norway Sweden Finland Poland Greece Turkey Vietnam Thailand Australia Cuba Portugal Ireland Morocco Austria
instrument: violin guitar piano flute trumpet cello clarinet oboe harp banjo drum trombone saxophone tuba accordion
    mandolin ukulele viola bassoon harmonica xylophone tambourine lute organ bagpipes sitar piccolo bugle lyre gong
vehicle: car bus truck van bicycle motorcycle tractor train tram airplane helicopter boat ship canoe ferry yacht
    submarine scooter taxi ambulance jeep limousine sled wagon carriage rocket bulldozer minivan kayak moped
"""


def _read(text: str) -> dict[str, tuple[str, ...]]:
    """Kind -> its nouns; a line that begins with a blank goes on with the kind before."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in text.replace("\n    ", " ").splitlines():
        kind, _, nouns = entry.partition(":")
        found[kind] = tuple(nouns.split())
    return found


NOUNS = _read(_TEXT)

CLASSES = tuple(NOUNS)
