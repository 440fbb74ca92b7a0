"""What the settings of both peers have besides their own."""

ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "faults.contenders.web"
#: Of faults that its processes have from their start.
FAULTS_APP = "faults.contenders"
