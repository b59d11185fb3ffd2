"""What a control group allows, read from file trees as Linux shows them."""

import pytest

from auvseg.data.workers.memory import gigabytes, memory_limit, parse_size
from auvseg.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("6GB", 6 * 10**9),
        ("6g", 6 * 10**9),
        ("6.5 GiB", 13 * 2**29),
        ("800M", 8 * 10**8),
        ("1000000", 10**6),
        ("512kib", 2**19),
        (" 2 TB ", 2 * 10**12),
    ],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "6XB", "6iB", "1e9", "0", "0.1", "nan", "6 GB 7"])
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="6GB"):
        parse_size(text)


def test_sizes_are_said_as_they_are_written():
    assert gigabytes(14_200_000_000) == "14.2 GB"
    assert gigabytes(2_300_000) == "2.3 MB"


def tree(root, groups, limits):
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, content in limits.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_version_2_the_tightest_of_nested_groups_counts(tmp_path):
    limits = {"a/memory.max": "3000\n", "a/b/memory.max": "max\n", "a/b/c/memory.max": "5000\n"}
    assert memory_limit(tree(tmp_path, "0::/a/b/c\n", limits)) == 3000


def test_version_1_the_tightest_of_nested_groups_counts(tmp_path):
    limits = {
        "memory/job/memory.limit_in_bytes": "4000\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    assert memory_limit(tree(tmp_path, "9:cpu,cpuacct:/\n4:memory:/job/step\n0::/\n", limits)) == 4000


def test_in_a_container_the_mount_is_the_group_whatever_the_path_says(tmp_path):
    limits = {"memory/memory.limit_in_bytes": "6000\n"}
    assert memory_limit(tree(tmp_path, "4:memory:/docker/0123\n", limits)) == 6000
    assert memory_limit(tree(tmp_path / "v2", "0::/../..\n", {"memory.max": "7000\n"})) == 7000


def test_without_groups_the_machine_s_memory_is_the_limit(tmp_path):
    whole = memory_limit(tmp_path)
    assert whole is None or whole > 10**8
    assert memory_limit(tree(tmp_path, "0::/\n", {"memory.max": "max\n"})) == whole
