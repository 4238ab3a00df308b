"""reports/leaderboard"""
