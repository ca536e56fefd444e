"""
``carillon``: a deployment from a terminal, over the same HTTP API as everybody.

    __init__         the program: the commands put together
    api              HTTP: timeouts, repetitions, problems as sentences
    screen           what is printed: text or JSON, errors, exit codes
    imports          carillon import
    campaigns        carillon campaigns list|show|simulate|launch|pause|resume
    watching         carillon watch
    exports          carillon export
    doctor           carillon doctor
    pinpoint         what Amazon Pinpoint's exports become (pure)
    pinpoint_files   reading those exports, of any size
    pinpoint_import  carillon pinpoint import

Settings are environment variables, none of which is ever printed: CARILLON_API_URL, and
CARILLON_API_KEY (an API key, or a signed-in user's access token).

Exit codes: 0 done · 1 done, and the answer is a bad one (an import that failed, a doctor's
finding, something that could not be carried over) · 2 the command or its settings are wrong ·
3 the API refused · 4 the API could not be reached, or failed · 130 Ctrl-C.
"""

import typer

from infra.cli import campaigns, doctor, exports, imports, pinpoint_import, watching

app = typer.Typer(
    name="carillon",
    help="Text-messaging campaigns of your own deployment, from a terminal.",
    epilog=(
        "Set CARILLON_API_URL and CARILLON_API_KEY. Exit codes: 0 done; 1 done, with a bad answer; "
        "2 wrong usage; 3 refused by the API; 4 API unreachable; 130 Ctrl-C."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("import")(imports.import_file)
app.command("export")(exports.export)
app.command("watch")(watching.watch)
app.command("doctor")(doctor.doctor)
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(pinpoint_import.app, name="pinpoint")


def main() -> None:
    """Run the program."""
    app(prog_name="carillon")
