"""Models that M4 replaces (Table 3 of the paper) and others: what they add to the operators of M4 itself.

All have fixed sizes, and default or seeded random weights.
"""

from . import detection, images, sensors, sequences, speech, text

# Their only size is this one.
BUILDERS = {
    f"contrast/{builder.__name__}": lambda size, builder=builder: builder()
    for module in (text, sequences, images, detection, speech, sensors)
    for builder in module.BUILDERS
}
