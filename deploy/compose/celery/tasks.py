"""The smallest Celery application that has something to do: a task every 5 seconds."""

from celery import Celery

app = Celery("tasks")  # the broker is CELERY_BROKER_URL
app.conf.beat_schedule = {"tick": {"task": "tasks.tick", "schedule": 5.0, "options": {"expires": 5}}}


@app.task
def tick():
    return "tick"
