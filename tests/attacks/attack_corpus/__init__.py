"""The attack corpus: submissions by group of the catalogue, each with the score its real work deserves."""

from attack_corpus.cross_student import ATTACKS as CROSS_STUDENT
from attack_corpus.files import ATTACKS as FILES
from attack_corpus.forging import ATTACKS as FORGING
from attack_corpus.honest import ATTACKS as HONEST
from attack_corpus.models import ATTACKS as MODELS
from attack_corpus.reading import ATTACKS as READING
from attack_corpus.resources import ATTACKS as RESOURCES
from attack_corpus.tampering import ATTACKS as TAMPERING

ALL = (*TAMPERING, *READING, *FORGING, *RESOURCES, *MODELS, *FILES, *CROSS_STUDENT, *HONEST)
"""Every submission, in the order of the groups A to H."""
