"""AWS' list prices, in dollars, without free tiers. Looked up by hand: compare them with `SOURCE`."""

from __future__ import annotations

from dataclasses import dataclass

AS_OF = "November 2026"
SOURCE = "AWS' list prices for us-east-1 as known then, not fetched: compare them with the price pages"


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of one region. A million, a GB or a thousand is said in each name."""

    gb_second_x86_64: float = 0.0000166667
    gb_second_arm64: float = 0.0000133334
    lambda_million: float = 0.20
    sqs_million: float = 0.40
    http_api_million: float = 1.00
    log_gb: float = 0.50
    kms_10_thousand: float = 0.03
    trace_million: float = 5.00
    alarm_month: float = 0.10

    def gb_second(self, arch: str) -> float:
        """Give the price of a GB-second of Lambda."""
        return self.gb_second_arm64 if arch == "arm64" else self.gb_second_x86_64
