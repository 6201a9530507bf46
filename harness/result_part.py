"""What all that is saved of runs and measurements is made of."""

from pydantic import BaseModel, ConfigDict


class ResultPart(BaseModel):
    """A part of a saved result: fields that it does not know are refused, as they are of another version."""

    model_config = ConfigDict(extra="forbid")
