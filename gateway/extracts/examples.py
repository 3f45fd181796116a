"""Worked examples beside an extract: the same small question in pandas and in R, for each format.

Both print how many records there are, then for each project, period and pseudocode the actions per beneficiary, with
the margin that follows from the margins of the records. Stage: anonymous.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PANDAS_FILE, R_FILE = "example_pandas.py", "example.R"

_PANDAS_READS: Mapping[str, str] = MappingProxyType(
    {
        "csv": 'pd.read_csv(here / "extract.csv", dtype=text, keep_default_na=False)',
        "ndjson": 'pd.read_json(here / "extract.ndjson", lines=True, dtype=text)',
        "parquet": 'pd.read_parquet(here / "extract.parquet")',
        "xlsx": 'pd.read_excel(here / "extract.xlsx", sheet_name="records", dtype=text, keep_default_na=False)',
    }
)
_PANDAS = '''\
"""Reads this extract with pandas: how many records, and how many actions per beneficiary, with margins."""

from pathlib import Path

import pandas as pd

here = Path(__file__).parent
# Codes are text: 794010 is a name, not a number.
columns = ["project", "period_kind", "period", "pseudocode", "rung", "insurer", "district", "age_group", "sex"]
text = dict.fromkeys(columns, str)
records = {read}

print(f"records: {{len(records)}}")
if records.empty:
    print("disclosure_report.json says why, and when more can come")
    raise SystemExit

# Margins of separate records add like the sides of a right angle. These sums are not a released total:
# what is protected is missing from them. Never add a quarter to its year.
squares = records.assign(
    margin_beneficiaries=lambda r: r["margin_beneficiaries"] ** 2, margin_actions=lambda r: r["margin_actions"] ** 2
)
by = ["project", "period_kind", "period", "pseudocode"]
figures = ["beneficiaries", "actions", "margin_beneficiaries", "margin_actions"]
sums = squares.groupby(by, sort=True)[figures].sum()
for name, row in sums.iterrows():
    use = row["actions"] / row["beneficiaries"]
    of_actions = row["margin_actions"] / row["actions"] ** 2
    of_beneficiaries = row["margin_beneficiaries"] / row["beneficiaries"] ** 2
    share = (of_actions + of_beneficiaries) ** 0.5
    print(*name, f"use: {{use:.2f}} +/- {{use * share:.2f}}")
'''
_R_READS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "csv": ('records <- read.csv(file.path(here, "extract.csv"), colClasses = "character", na.strings = "")',),
        "ndjson": (
            "library(jsonlite)",
            'records <- stream_in(file(file.path(here, "extract.ndjson")), verbose = FALSE)',
        ),
        "parquet": ("library(arrow)", 'records <- as.data.frame(read_parquet(file.path(here, "extract.parquet")))'),
        "xlsx": (
            "library(readxl)",
            'records <- as.data.frame(read_excel(file.path(here, "extract.xlsx"), "records", col_types = "text"))',
        ),
    }
)
_R = """\
# Reads this extract with R: how many records, and how many actions per beneficiary, with margins.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
{read}

cat(sprintf("records: %d\\n", nrow(records)))

# Margins of separate records add like the sides of a right angle. These sums are not a released total:
# what is protected is missing from them. Never add a quarter to its year.
figures <- c("beneficiaries", "actions", "margin_beneficiaries", "margin_actions")
if (nrow(records) == 0) cat("disclosure_report.json says why, and when more can come\\n")
if (nrow(records) > 0) {{
  records[figures] <- lapply(records[figures], as.numeric)
  records$margin_beneficiaries <- records$margin_beneficiaries^2
  records$margin_actions <- records$margin_actions^2
  by <- c("project", "period_kind", "period", "pseudocode")
  sums <- aggregate(records[figures], records[by], sum)
  sums <- sums[do.call(order, c(sums[by], method = "radix")), ]
  use <- sums$actions / sums$beneficiaries
  share <- sqrt(sums$margin_actions / sums$actions^2 + sums$margin_beneficiaries / sums$beneficiaries^2)
  name <- paste(sums$project, sums$period_kind, sums$period, sums$pseudocode)
  cat(sprintf("%s use: %.2f +/- %.2f\\n", name, use, use * share), sep = "")
}}
"""


def pandas_example(form: str) -> str:
    """The example in pandas for a format."""
    return _PANDAS.format(read=_PANDAS_READS[form])


def r_example(form: str) -> str:
    """The example in R for a format."""
    return _R.format(read="\n".join(_R_READS[form]))
