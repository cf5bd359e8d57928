import unittest

from durations import parse, words


class Durations(unittest.TestCase):
    def test_one_unit(self):
        self.assertEqual(parse("90s"), 90)

    def test_several_units(self):
        self.assertEqual(parse("1h 30m"), 5400)

    def test_what_is_none(self):
        with self.assertRaises(ValueError):
            parse("soon")

    def test_words(self):
        self.assertEqual(words(5400), "1h 30m")

    def test_there_and_back(self):
        for seconds in (59, 3661, 90061):
            self.assertEqual(parse(words(seconds)), seconds)
