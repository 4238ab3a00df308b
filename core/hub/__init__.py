"""Repositories of the Hugging Face hub: references, downloads into the hub's own cache, and uploads.

Used elsewhere: `HubReference`, `is_reference`, `parse_reference` (`reference`), `pinned`, `fetch`, `fetch_first`,
`local_options` (`download`), `Upload`, `push` (`upload`).
"""
