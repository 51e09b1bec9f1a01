"""The `leakboard` command: parsing and printing only."""

import errno
import logging
import sys

import click

from ..schemas import LeakboardError
from .attack import attack
from .attack_suite import attack_suite
from .bench import bench
from .bound import bound
from .compare import compare
from .conformance import conformance
from .cost import cost
from .demo import demo
from .doctor import doctor
from .export_site import export_site
from .generate import generate
from .judge import judge
from .materialize import materialize
from .memory import keep_freed_memory
from .plan import plan
from .pull import pull
from .push import push
from .reproduce import reproduce
from .rescore import rescore
from .reserve import reserve
from .run_model import run_model
from .schema import schema
from .score import score
from .serve import serve
from .store import store
from .submissions import issue_token, submissions, withdraw
from .submit import submit
from .verify import verify
from .worker import worker

STOPPED = "stopped; nothing finished is lost, and the same command does the rest"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="leakboard")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """How much does what my network sends to the server give away?

    Generate releases of client activations, attack them, score the attacks, browse the board.
    Exit code 0: done; 1: the thing that was checked is wrong; 2: the request is.
    """
    keep_freed_memory()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)


COMMANDS = (
    attack,
    attack_suite,
    bench,
    bound,
    compare,
    conformance,
    cost,
    demo,
    doctor,
    export_site,
    generate,
    judge,
    materialize,
    plan,
    pull,
    push,
    reproduce,
    rescore,
    reserve,
    run_model,
    schema,
    score,
    serve,
    store,
    submissions,
    submit,
    issue_token,
    verify,
    withdraw,
    worker,
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line; every error is one sentence on stderr, unless `--debug` is given."""
    debug = "--debug" in sys.argv
    try:
        sys.exit(cli.main(prog_name="leakboard", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as asked:
        asked.show()
        code = asked.exit_code
    except click.ClickException as problem:
        code = _say(_sentence(problem), problem.exit_code)
    except click.Abort:
        code = _say(STOPPED, 1)
    except LeakboardError as problem:
        if debug:
            raise
        code = _say(str(problem), problem.exit_code)
    except OSError as problem:
        if debug:
            raise
        code = _say(_explain(problem), 1)
    sys.exit(code)


def _say(sentence: str, code: int) -> int:
    click.echo(f"leakboard: {sentence}", err=True)
    return code


def _sentence(problem: click.ClickException) -> str:
    """What click says on several lines, on one, and where to read on."""
    said = " ".join(problem.format_message().split()).removesuffix(".")
    context = getattr(problem, "ctx", None)
    read_on = f" (see `{context.command_path} --help`)" if context else ""
    return f"{said[0].lower()}{said[1:]}{read_on}"


def _explain(problem: OSError) -> str:
    where = f"{problem.filename}: " if problem.filename else ""
    if problem.errno == errno.ENOSPC:
        return f"{where}the disk is full; free some space, and the same command continues"
    return f"{where}{(problem.strerror or str(problem)).lower()}"
