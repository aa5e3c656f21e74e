"""``python -m course_lib.bench [quality|recognition|faces|all] [options]``: tables on screen, records in data/benchmarks/."""

import sys

from course_lib.bench import faces, quality_command, recognition

COMMANDS = {"quality": quality_command.main, "recognition": recognition.main, "faces": faces.main}


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark that the first argument names, with the others as its options; without one, all."""
    what, *options = (sys.argv[1:] if arguments is None else arguments) or ["all"]
    if what == "all":
        for command in COMMANDS.values():
            command(options)
    elif what in COMMANDS:
        COMMANDS[what](options)
    else:
        sys.exit(f"expected {', '.join(COMMANDS)} or all, got {what!r}")


if __name__ == "__main__":
    main()
