import shutil
import subprocess
import unittest
from datetime import datetime, timezone

from almanac.moon import phase


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


class MoonTest(unittest.TestCase):
    def test_the_program_is_part_of_the_image(self) -> None:
        self.assertEqual(shutil.which("moon"), "/usr/local/bin/moon")

    def test_known_moons(self) -> None:
        self.assertEqual(phase(utc(2000, 1, 6, 18, 14)), "new")
        self.assertEqual(phase(utc(2024, 4, 8, 18, 20)), "new")
        self.assertEqual(phase(utc(2024, 3, 25, 7, 0)), "full")

    def test_the_patch_is_applied(self) -> None:
        self.assertEqual(phase(utc(1969, 7, 18)), "waxing crescent")

    def test_wrong_use(self) -> None:
        result = subprocess.run(["moon"], capture_output=True)
        self.assertEqual(result.returncode, 2)


if __name__ == "__main__":
    unittest.main()
