"""The settings of the fault suite's stack."""

from faults.product.settings import *  # noqa: F403  everything else is as it is deployed

ROOT_URLCONF = "faults.contenders.ours.urls"
FAULTS_ASKING = "faults.contenders.ours.asking"
