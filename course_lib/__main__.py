"""``python -m course_lib``: the command course-lib."""

from course_lib.cli import main

if __name__ == "__main__":
    main()
