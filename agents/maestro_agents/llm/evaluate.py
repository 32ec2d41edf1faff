"""The command `python -m maestro_agents.llm.evaluate`: a model on held-out tasks, by any backend, with intervals."""

import json
import sys
from collections.abc import Sequence

from maestro_agents.llm import backends, run, run_folder, scores
from maestro_env.errors import MaestroError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the last line printed is the figures as JSON."""
    parser = run.parser_of("Play held-out tasks with a model, and say how they came out.")
    backends.add_arguments(parser)
    parser.add_argument("--split", default=None, help="instead of the configuration's")
    parser.add_argument("--out", default=None, help="a new folder for the figures and the episodes")
    given = parser.parse_args(arguments)
    try:
        settings = run.settings_of(given)
        if given.out is not None:
            run_folder.refuse_full(given.out)
        with backends.opened(backends.choice_of(given), settings) as player:
            rollouts = run.HeldOut(settings, player.layout, split=given.split).play(player.generator)
    except MaestroError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    figures = scores.summary(rollouts)
    if given.out is not None:
        run_folder.write_evaluation(run_folder.new_folder(given.out, settings), "evaluation", rollouts, figures)
    sys.stdout.write(f"{run.in_words(figures)}\n{json.dumps(figures)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
