"""How many examples hypothesis draws, by profile. Knows numbers; no test by name.

hatch test -- --hypothesis-profile=few     a quarter: the second and third interpreter of .ci/run
hatch test -- --hypothesis-profile=deep    ten times as many, for a night
"""

from hypothesis import settings

# A test that wants more or fewer than the others says so as a share of `settings().max_examples`, which is 100.
settings.register_profile("few", max_examples=25)
settings.register_profile("deep", max_examples=1000)
