"""The probe proved against known delays, losses and stalls."""
