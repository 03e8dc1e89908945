"""Where a billing service would be told what organisations used: a seam, nothing more.

Nothing in the plane calls a billing service. What would be sent is made here, of `plane.usage_days`, in the shape of
Stripe's meter events; who runs a plane for money gives an `Exporter` that sends it.
"""

from functions.shared.billing.meter_events import Exporter, MeterEvent, NoBilling, export, meter_events

__all__ = ["Exporter", "MeterEvent", "NoBilling", "export", "meter_events"]
