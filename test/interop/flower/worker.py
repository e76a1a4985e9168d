"""The smallest Celery application there is."""

import os

from celery import Celery

app = Celery("healthbridge", broker=os.environ["BROKER"])
