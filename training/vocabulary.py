# ruff: noqa: E501  (one entry a line, however many words)
"""Words for kinds of change, surfaces and parts. What follows a bar is kept out of training."""

from __future__ import annotations

HELD_OUT_KINDS = ("burn", "fibre", "bubble")
"""Kinds no training cell carries: how well the head does on them is validation."""

KIND_WORDS: dict[str, str] = {
    "crack": "crack; cracked line; hairline crack; long crack; branching crack; split; crevice | fracture; fissure; cracking",
    "scratch": "scratch; scratch mark; scrape; fine scratches; scored line; deep scratch | gouge; scuff mark; abrasion line",
    "dent": "dent; dented area; bump; deformation; dimple; ding | indentation; depression",
    "pits": "pit; pits; pitting; small cavities; pores; pinholes; eroded pits; spalling; blowholes | pockmarks; tiny craters; void",
    "hole": "hole; drilled hole; puncture; round opening; perforation | gap; hollow",
    "stain": "stain; dirty spot; smudge; spot of dirt; oil stain; blot; dark stain | blemish; grime; soiling",
    "rust": "rust; rust spot; rusty patch; corrosion; oxidation | corroded area; rusting",
    "discolouration": "discolouration; discolored area; faded colour; colour change; tint; colour spot | colour shift; bleached area",
    "flaking": "flaking paint; paint loss; peeling coating; missing paint; paint that has come off; peeled patch; lost surface layer; damaged paintwork"
    " | blistered and lifted coating; exposed base layer; delamination",
    "worn": "worn area; wear; abrasion; rubbed surface; worn away finish; wear marks; frayed area; fraying | rub mark; surface wear; attrition",
    "liquid": "water drops; liquid; spilled liquid; puddle; droplets; leaking fluid; oil leak | moisture; wet spot; spill",
    "dust": "dust; dust particles; powder; fine debris; sand grains | specks; residue; contamination particles",
    "tape": "tape; adhesive tape; strip of tape; sticky strip | masking tape; patch of sticking plaster",
    "chipped": "chipped edge; chip; broken edge; missing corner; piece broken off; bite; nibbled edge; damaged rim; broken corner"
    " | chip out of the border; crumbled edge; edge damage; fragment missing",
    "broken_through": "break; broken in two; cracked through; fractured piece; split apart; snapped | broken apart; broken piece",
    "mould": "mould; mold; mildew; fungus; fungal growth | mouldy patch; moss",
    "graffiti": "graffiti; spray paint; scribble; painted line; doodle | sprayed tag; pen mark",
    "burn": "burn mark; scorch mark; charred spot | burnt area",
    "fibre": "hair; fibre; thread of lint | strand; loose filament",
    "bubble": "bubble; blister; trapped air | air pocket",
    "spur": "spur; copper spur; protrusion on a trace; whisker of copper | jagged projection from a conductor",
    "notch": "notch; bitten trace; nick in a conductor; narrowed trace; mousebite | dent in the copper track; gnawed conductor",
    "open": "open; interrupted trace; cut trace; gap in a conductor; broken track | severed conductor; disconnected track",
    "short": "short; bridge between conductors; short between tracks; joined traces | bridged tracks; shorted lines",
    "spurious copper": "extra copper; copper island; leftover copper; unwanted copper spot | copper residue; stray copper",
    "pinhole": "pinhole in a trace; void in the copper; small hole in a conductor | bubble in the copper; perforated track",
    "solder bridge": "solder bridge; solder blob; excess solder; solder splash | too much solder",
    "wrong text": "wrong text; different text; wrong date; misprint; changed lettering; other serial number | incorrect print; altered inscription",
    "missing text": "missing text; blank label; text not printed; unprinted label; missing date | absent print; empty label",
    "wrong logo": "wrong logo; different logo; changed emblem; other symbol; swapped icon | incorrect brand mark; another picture",
    "moved": "shifted; moved; misplaced; displaced; misaligned; in another position | out of place; relocated",
    "turned": "rotated; turned; tilted; wrongly oriented; crooked; upside down | twisted; skewed",
    "swapped": "swapped; replaced; wrong; exchanged for another type; substituted | mixed up; incorrect",
    "recoloured": "in a different colour; recoloured; in the wrong colour; with changed colour | repainted; in another shade",
}

SURFACE_WORDS: dict[str, str] = {
    "road": "asphalt; pavement; tarmac; street; road; ground | roadway",
    "concrete": "concrete; cement; slab; floor; plaster | screed",
    "metal": "metal; steel plate; metal sheet; aluminium; metal part; machined surface; ferrite block | alloy",
    "thread": "shaft; threaded rod; spindle; metal thread; lead screw; ball screw; screw thread; bolt thread; bearing | screw",
    "paint": "painted surface; paint; coating; painted model; lacquer; paintwork | varnish",
    "plastic": "plastic; housing; cover; casing; panel; display | enclosure",
    "tile": "tile; ceramic; porcelain; enamel | ceramic tile",
    "wood": "wood; wooden board; plank; timber | parquet",
    "fabric": "fabric; cloth; textile; carpet | garment",
    "leather": "leather; leather cover | hide",
    "stone": "stone; statue; sculpture; carving; rock; figurine; bronze figure | monument",
    "food": "biscuit; cookie; cracker; bread; pastry; baked good | cake",
    "wall": "brick wall; wall; bricks; masonry | facade",
    "grass": "grass; lawn | turf",
    "gravel": "gravel; pebbles | rubble",
    "board": "circuit board; PCB; printed circuit; copper traces; conductor tracks; printed wiring board | electronics board",
    "assembly": "assembly; panel; machine; device | equipment",
    "label": "label; package; packaging; nameplate | wrapper",
    "land": "aerial view; land; plot; field; satellite picture | terrain",
    "room": "room; table; hall; scene; corridor | hallway",
}

PART_WORDS: dict[str, str] = {
    "screw": "screw | fastener", "bolt": "bolt; hex bolt | hex head bolt", "nut": "nut; hex nut | lock nut", "washer": "washer | metal ring",
    "rivet": "rivet | stud", "capacitor": "capacitor | electrolytic capacitor", "resistor": "resistor | axial resistor",
    "chip": "chip; integrated circuit; IC; microchip | processor", "connector": "connector; plug; terminal block | socket",
    "diode": "LED; indicator light; diode | lamp", "cap": "cap; lid; bottle cap | closure", "gasket": "gasket; O-ring; seal | rubber ring",
    "cable": "cable; wire | lead", "clip": "clip; clamp; bracket | fastening clip", "tablet": "tablet; pill; capsule | medicine",
    "building": "building; house; roof; warehouse; built structure; construction; factory | dwelling; structure",
    "tree": "tree; bush; vegetation | shrub", "pool": "swimming pool; pool | pond", "parked car": "car; parked car; vehicle; truck | van",
    "person": "person; man; woman; pedestrian; someone walking; visitor; worker | human; passer-by",
    "bag": "bag; handbag; backpack; suitcase; luggage | rucksack",
}  # fmt: skip

GROUPS: dict[str, tuple[tuple[str, ...], str]] = {
    "damage": (
        ("crack", "scratch", "dent", "pits", "hole", "flaking", "worn", "chipped", "broken_through", "burn"),
        "damage; defect; flaw; surface defect; damaged spot; deterioration; weathering | imperfection; injury to the surface",
    ),
    "dirt": (
        ("stain", "dust", "liquid", "mould", "fibre", "rust", "discolouration"),
        "contamination; dirt; foreign matter; soiled area | impurity",
    ),
    "copper": (
        ("spur", "notch", "open", "short", "spurious copper", "pinhole", "solder bridge"),
        "trace defect; copper defect; fault in the wiring pattern; etching fault; defective conductor | conductor flaw",
    ),
    "print": (
        ("wrong text", "missing text", "wrong logo"),
        "printing error; label error; print defect | labelling fault",
    ),
}
COMPONENT_PARTS = tuple(list(PART_WORDS)[:15])


def words(entry: str, held_out: bool) -> list[str]:
    """The training or the held-out side of a vocabulary entry."""
    seen, _, unseen = entry.partition("|")
    return [word.strip() for word in (unseen if held_out else seen).split(";") if word.strip()]


UNRELATED = (
    "a symphony in D minor; the price of oil rose; he laughed; tomorrow's weather forecast; how to cook rice; democracy; quarterly results;"
    "she ran a marathon; a poem about love; the speed of light; asdf qwer zxcv; lorem ipsum dolor sit amet; blorf the snark; 42; who are you;"
    "to be or not to be; interest rates; a difficult question; my favourite song; the second law of thermodynamics; a court ruling;"
    "an electric field; translation of a letter; an election campaign; loud music; smell of coffee; feeling tired; xkcd; good morning;"
    "tumour in the lung; a blood test; the protein folds; python stack trace; an overdue invoice; the temperature is 20 degrees;"
    "high vibration; slow network; wrong password; a bad smell; strange noise from the motor; delivery was late; too expensive"
)
"""Texts that name no visible change: the head must say that it does not understand them."""
