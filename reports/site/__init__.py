"""Pages of the HTML report: leaderboard, systems, trials with players, and the demo page.

`write_site` and `write_demo` write whole folders. Other reports with players use `render_page`, `write_player`,
`estimate_sound` and `given_sounds`.
"""
