"""What is taken out of the services when a trial is over, whatever ended it."""

from harness.clients.kafka_leftovers import delete_groups
from harness.clients.kafka_topics import delete_topics
from harness.clients.left import Left, told
from harness.clients.redis_contents import remove_keys
from harness.clients.s3_archive import remove_archive
from harness.trial.setting import Setting


def tidy(setting: Setting, *, keep_archive: bool) -> list[Left]:
    """Delete a trial's topics and, in services of the user's own, all else that it has made. Tell what stays.

    With `keep_archive`, its objects in S3 stay: the ground truth reads them.

    Returns: what could not be deleted. Nothing is raised: what ended the trial must not be hidden.
    """
    backing = setting.backing
    left = delete_topics(backing.kafka_client, setting.topics)
    if "kafka" in backing.users_own:
        left += delete_groups(backing.kafka_client, setting.run_id)
    else:
        left = []  # it goes with the broker
    if "redis" in backing.users_own:
        left += remove_keys(backing.redis_url, backing.namespace)
    if "s3" in backing.users_own and not keep_archive:
        left += remove_archive(backing.bucket, setting.archive_prefix)
    for line in told(left):
        setting.watcher.note(line)
    if left:
        setting.watcher.note(f"`ringbench clean {setting.run_id}`, with the run's services, deletes it later")
    return left
