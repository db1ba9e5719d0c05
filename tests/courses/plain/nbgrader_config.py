c = get_config()
c.CourseDirectory.course_id = "plain"
c.Autograde.exclude_overwriting = {"ps1": ["mine.py"]}
c.Execute.timeout = 20
