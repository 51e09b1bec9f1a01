"""Programs that run inside the sandbox, each with what somebody submitted.

They see an activation file and the submission, write values or a refusal, and import nothing of
Leakboard that they are not shown.
"""
